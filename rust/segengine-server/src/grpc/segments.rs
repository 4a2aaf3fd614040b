//! Segments: their records, the files and changes that fill them, and the operations that watch the work.

use segengine::Result;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Services, members, operations, segment_records, uploads};
use crate::v1;
use crate::v1::segments_server::Segments;

/// The service.
pub(crate) struct SegmentsService(pub(crate) Services);

#[tonic::async_trait]
impl Segments for SegmentsService {
    type WatchOperationStream = ReceiverStream<Result<v1::Operation, Status>>;

    async fn create_segment(
        &self,
        request: Request<v1::CreateSegmentRequest>,
    ) -> Result<Response<v1::Segment>, Status> {
        self.0.answer(request, segment_records::create).await
    }

    async fn get_segment(&self, request: Request<v1::GetSegmentRequest>) -> Result<Response<v1::Segment>, Status> {
        self.0.answer(request, |engine, caller, request| segment_records::get(engine, caller, &request)).await
    }

    async fn list_segments(
        &self,
        request: Request<v1::ListSegmentsRequest>,
    ) -> Result<Response<v1::ListSegmentsResponse>, Status> {
        self.0.answer(request, segment_records::list).await
    }

    async fn update_segment(
        &self,
        request: Request<v1::UpdateSegmentRequest>,
    ) -> Result<Response<v1::Segment>, Status> {
        self.0.answer(request, |engine, caller, request| segment_records::update(engine, caller, &request)).await
    }

    async fn delete_segment(
        &self,
        request: Request<v1::DeleteSegmentRequest>,
    ) -> Result<Response<v1::DeleteSegmentResponse>, Status> {
        self.0.answer(request, |engine, caller, request| segment_records::delete(engine, caller, &request)).await
    }

    async fn upload_segment(
        &self,
        request: Request<Streaming<v1::UploadSegmentRequest>>,
    ) -> Result<Response<v1::Operation>, Status> {
        self.0.take_in(request, uploads::upload).await
    }

    async fn add_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        self.0.answer(request, |engine, caller, request| members::change(engine, caller, &request, true)).await
    }

    async fn remove_members(
        &self,
        request: Request<v1::ChangeMembersRequest>,
    ) -> Result<Response<v1::ChangeMembersResponse>, Status> {
        self.0.answer(request, |engine, caller, request| members::change(engine, caller, &request, false)).await
    }

    async fn get_operation(
        &self,
        request: Request<v1::GetOperationRequest>,
    ) -> Result<Response<v1::Operation>, Status> {
        self.0.answer(request, |engine, caller, request| operations::get(engine, caller, &request)).await
    }

    async fn list_operations(
        &self,
        request: Request<v1::ListOperationsRequest>,
    ) -> Result<Response<v1::ListOperationsResponse>, Status> {
        self.0.answer(request, |engine, caller, request| operations::list(engine, caller, &request)).await
    }

    async fn cancel_operation(
        &self,
        request: Request<v1::CancelOperationRequest>,
    ) -> Result<Response<v1::Operation>, Status> {
        self.0.answer(request, |engine, caller, request| operations::cancel(engine, caller, &request)).await
    }

    async fn wait_operation(
        &self,
        request: Request<v1::WaitOperationRequest>,
    ) -> Result<Response<v1::Operation>, Status> {
        self.0.wait_operation(request).await
    }

    async fn watch_operation(
        &self,
        request: Request<v1::WatchOperationRequest>,
    ) -> Result<Response<Self::WatchOperationStream>, Status> {
        self.0.watch_operation(&request)
    }
}
